//! The job queue.

mod claiming;
mod desk;
mod enqueueing;
mod failing;
mod leases;
mod schedules;
mod views;
mod workers;
