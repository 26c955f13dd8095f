"""A Hub in a folder: a server of the Hugging Face Hub's protocol, without internet or account.

`server` listens, `routes` finds the function that answers, `api`, `lfs` and `resolve` hold those functions, and
`repos`, `refs`, `commits`, `changes`, `blobs` and `files` keep what they store.
"""
