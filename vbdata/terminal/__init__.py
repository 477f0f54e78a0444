"""What people and scripts see: tables, a live view of a running build, lines of JSON.

It prints events and values and decides nothing. Left of it stand `engine` and `locks`, right of it
`view` and `cli`.
"""
