//! The tests of the HTTP contract; see `tests/it`.
