//! The shape of the code, checked: see `tests/it`.
