//! The published document lists an order's statuses wherever one is shown or asked for, from the state machine's own list.

use serde_json::Value;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{OpenApi as Document, RefOr};

use crate::domain::Status;

/// Lists the statuses in `document`.
pub fn list(document: &mut Document) {
    let names = |statuses: &[Status]| statuses.iter().map(|s| Value::from(s.name())).collect::<Vec<_>>();
    let all = names(&Status::ALL);
    let by_hand: Vec<Status> = Status::ALL.into_iter().filter(|s| s.by_hand()).collect();
    let mut first = all.clone();
    first.push(Value::Null);
    for (schema, property, values) in [
        ("Order", "status", all.clone()),
        ("MoveOrder", "status", names(&by_hand)),
        ("HistoryEntry", "fromStatus", first),
        ("HistoryEntry", "toStatus", all.clone()),
    ] {
        let schemas = document.components.as_mut().map(|c| &mut c.schemas);
        if let Some(RefOr::T(Schema::Object(object))) = schemas.and_then(|s| s.get_mut(schema)) {
            limit(object.properties.get_mut(property), values);
        }
    }
    let get = document
        .paths
        .paths
        .get_mut("/orders")
        .and_then(|p| p.get.as_mut());
    for parameter in get.into_iter().flat_map(|g| g.parameters.iter_mut().flatten()) {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "status"
        {
            limit(parameter.schema.as_mut(), all.clone());
        }
    }
}

fn limit(schema: Option<&mut RefOr<Schema>>, values: Vec<Value>) {
    if let Some(RefOr::T(Schema::Object(object))) = schema {
        object.enum_values = Some(values);
    }
}
