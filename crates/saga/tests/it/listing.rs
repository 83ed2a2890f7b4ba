//! The list of sagas that operators see.

use std::time::Duration;

use saga::{Filter, Status, Summary};

use crate::harness::{Office, Reply};

async fn list(office: &Office, filter: &Filter, limit: u32) -> Vec<Summary> {
    let mut conn = office.db.pool.acquire().await.unwrap();
    saga::list(&mut conn, filter, limit).await.unwrap()
}

fn subjects(list: &[Summary]) -> Vec<i64> {
    list.iter().map(|saga| saga.subject_id).collect()
}

// SAG-10
#[tokio::test]
async fn sagas_are_listed_newest_first_by_state_name_and_age_and_page_by_page() {
    let office = Office::open().await;
    office.go(1).await;
    office.clock.advance(Duration::from_secs(60));
    office.world.next("run", "pay", Reply::Refuse);
    office.go(2).await;
    office.clock.advance(Duration::from_secs(60));
    office.world.next("run", "flight", Reply::Divert);
    office.go(3).await;

    let all = list(&office, &Filter::default(), 10).await;
    assert_eq!(subjects(&all), [3, 2, 1]);
    let states: Vec<Status> = all.iter().map(|saga| saga.state).collect();
    assert_eq!(states, [Status::Stuck, Status::Undone, Status::Parked]);
    let stuck = Filter {
        state: Some(Status::Stuck),
        ..Filter::default()
    };
    let found = list(&office, &stuck, 10).await;
    assert_eq!(subjects(&found), [3]);
    let first = found.first().unwrap();
    assert_eq!(
        (first.name.as_str(), first.version, first.step.as_deref()),
        ("trip", 1, Some("flight"))
    );
    assert!(first.reason.is_some());
    assert_eq!(first.trace, "trace-1");
    let old = Filter {
        started_by: Some(office.world.now() - Duration::from_secs(60)),
        ..Filter::default()
    };
    assert_eq!(subjects(&list(&office, &old, 10).await), [2, 1]);
    let elsewhere = Filter {
        name: Some("walk".to_owned()),
        ..Filter::default()
    };
    assert!(list(&office, &elsewhere, 10).await.is_empty());

    let page = list(&office, &Filter::default(), 2).await;
    assert_eq!(subjects(&page), [3, 2]);
    let behind = Filter {
        before: page.last().map(|saga| saga.id),
        ..Filter::default()
    };
    assert_eq!(subjects(&list(&office, &behind, 2).await), [1]);
}

// SAG-10
#[tokio::test]
async fn one_saga_is_found_by_its_number_with_its_timeline() {
    let office = Office::open().await;
    office.go(1).await;
    let by_subject = office.find(1).await;
    let mut conn = office.db.pool.acquire().await.unwrap();
    let by_number = saga::get(&mut conn, by_subject.id).await.unwrap().unwrap();
    assert_eq!(by_number, by_subject);
    assert_eq!(by_number.log.len(), 3);
    assert_eq!(by_number.trace, "trace-1");
    assert!(saga::get(&mut conn, by_subject.id + 1).await.unwrap().is_none());
}
