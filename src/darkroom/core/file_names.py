"""Words as names of files."""


def file_name(words: str) -> str:
    """Words with everything replaced that a file system may object to.

    Example:
        >>> file_name("bsd68, sigma 25")
        'bsd68--sigma-25'
    """
    return "".join(letter if letter.isalnum() or letter in "._-+=" else "-" for letter in words) or "-"
