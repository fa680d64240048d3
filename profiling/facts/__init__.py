"""From what a customer wrote to statements about them, each resting on a sentence: found by rules or a model, folded over time.

A fact is a slot (topic and subtopic of `slots.json`), what fills it, a short statement in the text's language, and the place in
the redacted text that says so. Nothing sensitive (`sensitive.json`) ever becomes one.
"""
