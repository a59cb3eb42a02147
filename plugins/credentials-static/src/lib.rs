//! Opens targets with entries of the vault that an administrator chose by label.
