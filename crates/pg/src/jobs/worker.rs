//! The worker: fetches what is due, runs it, and sees to it that nothing is held in vain.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::claim::claim;
use super::finish::{Ended, hand_back};
use super::keeper::Held;
use super::lanes::Lane;
use super::queues::Queues;
use super::types::{Job, Wanted};

/// How long after a nudge to look: those that come meanwhile are served by one look.
const SOON: Duration = Duration::from_millis(50);

/// A task that ended: which lane it had, and how long it took unless it was stopped.
struct Left {
    lane: usize,
    took: Option<Duration>,
}

/// What was asked for, and what came of it.
struct Fetched {
    /// Lanes, and how many jobs each had room for.
    wanted: Vec<(usize, usize)>,
    jobs: Vec<Job>,
}

impl Queues {
    /// Runs what is due until `stop`: soon after a nudge, and at each look otherwise. Then takes nothing more, hands
    /// back what has not begun, and waits for what has, but no longer than its grace.
    pub async fn work(self, stop: CancellationToken) {
        let held = Arc::new(Held::default());
        let (ended, endings) = unbounded_channel();
        tokio::join!(
            self.run(&held, ended, &stop),
            self.keep(&held, endings, &stop),
            self.clerk(&stop)
        );
    }

    async fn run(&self, held: &Arc<Held>, ended: UnboundedSender<Ended>, stop: &CancellationToken) {
        let mut lanes: Vec<Lane> = self.handlers.iter().cloned().map(Lane::new).collect();
        let mut running = FuturesUnordered::new();
        let mut fetching = FuturesUnordered::new();
        let mut poll = tokio::time::interval(self.settings.poll);
        let mut nudged: Option<Instant> = None;
        while !stop.is_cancelled() {
            for (index, lane) in lanes.iter_mut().enumerate() {
                while let Some(job) = lane.start() {
                    match self.begin(held, lane, job, &ended) {
                        Some(task) => running.push(until_left(index, task)),
                        // Lost before it could begin.
                        None => lane.ended(None),
                    }
                }
            }
            if fetching.is_empty() {
                let wanted = self.wanted(&lanes);
                if !wanted.is_empty() {
                    fetching.push(self.fetch(wanted));
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(left) = running.next() => leave(&mut lanes, &left),
                Some(fetched) = fetching.next() => take_in(&mut lanes, held, fetched),
                () = self.nudged.notified(), if nudged.is_none() => nudged = Some(Instant::now() + SOON),
                () = tokio::time::sleep_until(nudged.unwrap_or_else(Instant::now)), if nudged.is_some() => {
                    nudged = None;
                    lanes.iter_mut().for_each(Lane::look_again);
                }
                _ = poll.tick() => lanes.iter_mut().for_each(Lane::look_again),
            }
        }
        // What is being fetched just now would be held by nobody.
        while let Some(fetched) = fetching.next().await {
            take_in(&mut lanes, held, fetched);
        }
        let not_begun: Vec<Job> = lanes.iter_mut().flat_map(Lane::drain).collect();
        for job in &not_begun {
            held.remove((job.id, job.fence));
        }
        self.give_up(not_begun.iter().map(|job| (job.id, job.fence)).collect())
            .await;
        let all_ended = async { while running.next().await.is_some() {} };
        if tokio::time::timeout(self.settings.grace, all_ended)
            .await
            .is_err()
        {
            let stopped = held.clear();
            tracing::warn!(
                jobs = stopped.len(),
                "the process stops before these jobs are done; they are run again"
            );
            self.give_up(stopped).await;
        }
    }

    /// Starts a job in a task of its own, which says how it ended.
    fn begin(
        &self,
        held: &Arc<Held>,
        lane: &Lane,
        job: Job,
        ended: &UnboundedSender<Ended>,
    ) -> Option<JoinHandle<Duration>> {
        let (claim, handler, service) = ((job.id, job.fence), lane.handler.clone(), self.settings.service);
        let (mine, ended) = (Arc::clone(held), ended.clone());
        held.begin(claim, || {
            let task = self.tracker.spawn(async move {
                let began = Instant::now();
                let end = handler.attempt(job, service).await;
                let took = began.elapsed();
                // In this order: what is being written down is not renewed any more.
                mine.remove(claim);
                // Nobody listens only if the worker itself is gone.
                let _ = ended.send(end);
                took
            });
            let handle = task.abort_handle();
            (task, handle)
        })
    }

    fn wanted(&self, lanes: &[Lane]) -> Vec<(usize, usize)> {
        let rooms = lanes.iter().enumerate();
        rooms
            .filter_map(|(index, lane)| Some((index, lane.wanted(self.settings.ahead)?)))
            .collect()
    }

    async fn fetch(&self, wanted: Vec<(usize, usize)>) -> Fetched {
        let asked: Vec<Wanted<'_>> = wanted
            .iter()
            .filter_map(|&(lane, room)| Some(self.handlers.get(lane)?.wanted(room)))
            .collect();
        let jobs = claim(&self.pool, &asked, self.clock.now(), self.settings.lease).await;
        let jobs = jobs.unwrap_or_else(|error| {
            tracing::warn!(%error, "no look for jobs that are due; trying again");
            Vec::new()
        });
        Fetched { wanted, jobs }
    }

    /// Hands back what will not be run here.
    async fn give_up(&self, jobs: Vec<(i64, i64)>) {
        if !jobs.is_empty()
            && let Err(error) = hand_back(&self.pool, &jobs).await
        {
            tracing::warn!(%error, jobs = jobs.len(), "jobs could not be handed back; their leases run out");
        }
    }
}

async fn until_left(lane: usize, task: JoinHandle<Duration>) -> Left {
    Left {
        lane,
        took: task.await.ok(),
    }
}

fn leave(lanes: &mut [Lane], left: &Left) {
    if let Some(lane) = lanes.get_mut(left.lane) {
        lane.ended(left.took);
    }
}

/// Puts what was fetched into its lanes; it is held from here on.
fn take_in(lanes: &mut [Lane], held: &Held, fetched: Fetched) {
    held.add(fetched.jobs.iter().map(|job| (job.id, job.fence)));
    let mut jobs = fetched.jobs;
    for (index, room) in fetched.wanted {
        if let Some(lane) = lanes.get_mut(index) {
            let (its, others) = jobs.into_iter().partition(|job| lane.handler.runs(job));
            jobs = others;
            lane.fetched(its, room);
        }
    }
}
