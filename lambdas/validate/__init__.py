"""The pipeline's first step: is this an original, is it new, and may it be decoded?"""
