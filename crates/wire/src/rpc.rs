//! Generated gRPC, and how a refusal crosses it.

use serde_json::Value;
use tonic::metadata::MetadataValue;
use tonic::{Code as GrpcCode, Status};

use crate::code::{self, Code};

macro_rules! generated {
    ($($(#[$doc:meta])* $module:ident = $package:literal;)*) => {$(
        $(#[$doc])*
        #[expect(missing_docs, clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated from proto/")]
        pub mod $module {
            tonic::include_proto!($package);
        }
    )*};
}

generated! {
    /// Owned by user-service.
    identity = "souk.identity.v1";
    /// Owned by product-service.
    inventory = "souk.inventory.v1";
    /// Owned by payment-service.
    payments = "souk.payments.v1";
    /// Owned by order-service.
    orders = "souk.orders.v1";
    /// Served by every subscriber of events.
    events = "souk.events.v1";
}

const CODE: &str = "souk-code";

/// A clear no from a neighbour: nothing was changed over there.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// What kind.
    pub code: Code,
    /// The sentence.
    pub detail: String,
    /// What the client needs to know besides, an object or null.
    pub data: Value,
}

impl Refused {
    /// As the status that carries it over gRPC.
    #[must_use]
    pub fn into_status(self) -> Status {
        let grpc = match self.code.status {
            404 => GrpcCode::NotFound,
            401 => GrpcCode::Unauthenticated,
            403 => GrpcCode::PermissionDenied,
            409 | 412 => GrpcCode::FailedPrecondition,
            _ => GrpcCode::InvalidArgument,
        };
        let mut status = Status::with_details(grpc, self.detail, self.data.to_string().into_bytes().into());
        status
            .metadata_mut()
            .insert(CODE, MetadataValue::from_static(self.code.slug));
        status
    }

    /// The refusal that `status` carries. `None` for everything else: then the outcome is unknown.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        let slug = status.metadata().get(CODE)?.to_str().ok()?;
        Some(Self {
            code: code::by_slug(slug)?,
            detail: status.message().to_owned(),
            data: serde_json::from_slice(status.details()).unwrap_or(Value::Null),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_crosses_grpc_whole_and_a_fault_is_none() {
        let refused = Refused {
            code: code::INSUFFICIENT_STOCK,
            detail: "not enough stock for 1 of the lines".to_owned(),
            data: json!({"lines": [{"productId": 7, "left": 1}]}),
        };
        assert_eq!(
            Refused::from_status(&refused.clone().into_status()),
            Some(refused)
        );
        assert_eq!(Refused::from_status(&Status::unavailable("gone")), None);
    }
}
