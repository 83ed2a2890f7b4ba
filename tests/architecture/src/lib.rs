//! souk-test-architecture
