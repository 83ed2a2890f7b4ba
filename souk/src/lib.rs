//! souk
