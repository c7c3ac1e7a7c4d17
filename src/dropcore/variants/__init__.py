"""The variants: what each kind of dropout says, a file each."""
