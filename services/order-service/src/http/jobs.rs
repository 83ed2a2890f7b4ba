//! The routes by which admins look after jobs, one file each.

pub(super) mod discard_job;
pub(super) mod get_job;
pub(super) mod list_jobs;
pub(super) mod requeue_job;
pub(crate) mod view;
