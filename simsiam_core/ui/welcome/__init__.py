"""Welcome: where do I begin?"""
