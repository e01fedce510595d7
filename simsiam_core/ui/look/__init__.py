"""Look: what does it think is alike, and what has it learned to separate?"""
