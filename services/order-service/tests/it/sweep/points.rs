//! A process dies, or loses an answer, at every point of every step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use saga::{FaultHook, FaultPoint, Moment};

use super::{ROUTES, assert_arrived, travel};
use crate::harness::Orders;

/// Goes wrong once, at one point.
pub struct Once {
    point: FaultPoint,
    fault: saga::Fault,
    fired: AtomicBool,
}

impl Once {
    pub fn at(point: FaultPoint, fault: saga::Fault) -> Arc<Self> {
        Arc::new(Self {
            point,
            fault,
            fired: AtomicBool::new(false),
        })
    }
}

impl FaultHook for Once {
    fn at(&self, point: FaultPoint) -> Option<saga::Fault> {
        (point == self.point && !self.fired.swap(true, Ordering::SeqCst)).then_some(self.fault)
    }
}

async fn sweep_points(fault: saga::Fault) -> usize {
    let shop = Orders::start().await;
    let mut count = 0;
    for route in ROUTES {
        let (saga, direction, steps) = route.steps();
        for step in steps {
            for moment in Moment::ALL {
                let point = FaultPoint {
                    saga,
                    step,
                    direction,
                    moment,
                };
                let hook = Once::at(point, fault);
                let order = travel(&shop, route, Arc::<Once>::clone(&hook)).await;
                assert!(hook.fired.load(Ordering::SeqCst), "{point:?} was never reached");
                assert_arrived(&shop, route, order, &format!("{fault:?} at {point:?}")).await;
                count += 1;
            }
        }
    }
    count
}

// SAG-5: before the call, after the call and before it is written down, after that; each step, each undo, each way out.
#[tokio::test]
async fn a_process_may_die_at_every_point_of_both_sagas() {
    assert_eq!(sweep_points(saga::Fault::Crash).await, 48);
}

// SAG-3: what is lost inside leaves the same doubt as what is lost on the road.
#[tokio::test]
async fn every_answer_may_be_lost_before_it_is_written_down() {
    assert_eq!(sweep_points(saga::Fault::Lose).await, 48);
}
