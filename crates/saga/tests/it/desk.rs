//! What is known of a saga without an engine: what may be done to it, and why it turned back.

use saga::{Desk, Intervention, Reason};

use crate::harness::{Office, Reply};
use crate::trip::Trip;
use crate::versions::Rail;

// SAG-8, SAG-9
#[tokio::test]
async fn what_may_be_done_to_a_saga_is_said_by_its_own_version_while_it_is_stuck() {
    let office = Office::open().await;
    let desk = Desk::new("test").with::<Rail>().with::<Trip>();
    office.go(1).await;
    assert_eq!(desk.allowed(&office.find(1).await), []);

    office.world.next("run", "ticket", Reply::Refuse);
    office.pay(1).await;
    office.engine.run_due().await.unwrap();
    let stuck = office.find(1).await;
    assert_eq!(desk.allowed(&stuck), Intervention::ALL);
    let newer = Desk::new("test").with::<Rail>();
    assert_eq!(newer.allowed(&stuck), []);
}

#[tokio::test]
async fn why_sagas_turned_back_is_found_by_their_subjects() {
    let office = Office::open().await;
    office.world.next("run", "pay", Reply::Refuse);
    office.go(1).await;
    office.go(2).await;
    let mut conn = office.db.pool.acquire().await.unwrap();
    let why = saga::reasons(&mut conn, "trip", &[1, 2, 3]).await.unwrap();
    assert_eq!(why.keys().collect::<Vec<_>>(), [&1], "{why:?}");
    let refused = why.get(&1);
    assert!(
        matches!(refused, Some(Reason::Refused { step, .. }) if step == "pay"),
        "{refused:?}"
    );
    assert!(saga::reasons(&mut conn, "walk", &[1]).await.unwrap().is_empty());
}
