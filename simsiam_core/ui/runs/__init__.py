"""Runs: how is it going, and what have I tried?"""
