"""How fast the channels are: the solutions, a student's own, and what one would otherwise pick.

`python3 -m bench peers` measures all of it and writes docs/performance.md; `python3 -m bench exercise`
measures one exercise (EX=04). Every program measures itself, prints one line, and knows nothing of
the others: see channel.c. The rest is when to run which, and how to tell it.
"""
