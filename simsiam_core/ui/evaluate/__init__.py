"""Evaluate: how good is it?"""
