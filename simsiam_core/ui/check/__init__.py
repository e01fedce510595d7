"""Check data: what may be wrong with my images?"""
