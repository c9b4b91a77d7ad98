"""The first step of the pipeline: is this an original, is it new, and may it be decoded at all?"""
