"""What crosses a border between contexts: payloads, errors, events, one Protocol a service, and who may call what.

Nothing here imports anything else of ours. Names and codes are for ever: changes only add
(`tests/contract` compares the generated schemas with the released ones).
"""
