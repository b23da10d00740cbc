"""Backups of a central tier: what a folder of them holds, how one is made, checked and put back."""
