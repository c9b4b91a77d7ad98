"""The dashboard: is it healthy, who is hurting, what does it cost."""
