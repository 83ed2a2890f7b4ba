//! The tests of the shop as a whole; see `tests/it`.
