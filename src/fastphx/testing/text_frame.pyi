"""What a payload is that was not given: ``{}``. None is JSON's ``null``."""
