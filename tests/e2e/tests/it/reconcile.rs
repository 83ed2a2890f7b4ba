//! `souk reconcile`, as an operator uses it after webhooks were lost.
