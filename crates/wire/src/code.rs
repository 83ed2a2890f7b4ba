//! The stable words by which clients tell failures apart. Each has a page under `docs/problems/`.

/// A kind of failure: its word, its status and its title. A test checks that each has its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The word in `code` and at the end of `type`.
    pub slug: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The short, fixed title.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:literal, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code { slug: $slug, status: $status, title: $title };)*

        /// Every code there is.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// The request is not JSON, not HTTP as we speak it, or has a malformed header.
    MALFORMED = "malformed-request", 400, "The request cannot be read";
    /// A cursor that we did not make, or made for another list.
    INVALID_CURSOR = "invalid-cursor", 400, "The cursor does not belong to this list";
    /// A page number beyond what page numbers reach.
    PAGE_TOO_DEEP = "page-too-deep", 400, "Pages do not reach that deep";
    /// A webhook whose signature is wrong or too old.
    INVALID_SIGNATURE = "invalid-signature", 400, "The signature does not match";
    /// No token, or one that is not valid.
    UNAUTHENTICATED = "unauthenticated", 401, "Sign in first";
    /// A wrong password or an unknown address.
    INVALID_CREDENTIALS = "invalid-credentials", 401, "The address or the password is wrong";
    /// A refresh token that is unknown, used, expired or revoked.
    INVALID_REFRESH_TOKEN = "invalid-refresh-token", 401, "The refresh token is not valid";
    /// Known, but not allowed.
    FORBIDDEN = "forbidden", 403, "Not allowed";
    /// A role that registering does not give.
    ROLE_NOT_ALLOWED = "role-not-allowed", 403, "That role is not given at registration";
    /// No such path.
    NOT_FOUND = "not-found", 404, "Not found";
    /// No such account.
    USER_NOT_FOUND = "user-not-found", 404, "No such user";
    /// No such product, or deleted.
    PRODUCT_NOT_FOUND = "product-not-found", 404, "No such product";
    /// No such category.
    CATEGORY_NOT_FOUND = "category-not-found", 404, "No such category";
    /// No such order, or somebody else's.
    ORDER_NOT_FOUND = "order-not-found", 404, "No such order";
    /// No such job, or done by now.
    JOB_NOT_FOUND = "job-not-found", 404, "No such job";
    /// No such payment, or somebody else's.
    PAYMENT_NOT_FOUND = "payment-not-found", 404, "No such payment";
    /// No such image.
    IMAGE_NOT_FOUND = "image-not-found", 404, "No such image";
    /// No such saga.
    SAGA_NOT_FOUND = "saga-not-found", 404, "No such saga";
    /// The path exists, the method does not.
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "That method is not offered here";
    /// The client was too slow.
    REQUEST_TIMEOUT = "request-timeout", 408, "The request took too long to arrive";
    /// The address belongs to an account.
    EMAIL_TAKEN = "email-taken", 409, "The address is taken";
    /// Another product has that SKU.
    SKU_TAKEN = "sku-taken", 409, "The SKU is taken";
    /// Another category has that name.
    CATEGORY_TAKEN = "category-taken", 409, "The category exists";
    /// The category has children or products.
    CATEGORY_IN_USE = "category-in-use", 409, "The category is in use";
    /// Not enough stock for some lines.
    INSUFFICIENT_STOCK = "insufficient-stock", 409, "Not enough stock";
    /// The expected total differs from the quote.
    PRICE_CHANGED = "price-changed", 409, "The price has changed";
    /// The state machine has no such move.
    ILLEGAL_TRANSITION = "illegal-transition", 409, "The order cannot go there";
    /// The saga is not stuck, or not at a place for that.
    ILLEGAL_INTERVENTION = "illegal-intervention", 409, "The saga is not in a state for that";
    /// Only a dead job can be requeued or discarded.
    JOB_NOT_DEAD = "job-not-dead", 409, "The job is not dead";
    /// Another job with its key waits or runs.
    JOB_REPLACED = "job-replaced", 409, "Another job has taken its place";
    /// Someone else changed it meanwhile.
    STALE = "stale", 409, "It has changed meanwhile";
    /// The same key is being worked on.
    IDEMPOTENCY_IN_PROGRESS = "idempotency-in-progress", 409, "The first request with this key is still running";
    /// The stock of an expired hold went elsewhere.
    RESERVATION_LOST = "reservation-lost", 409, "The stock is no longer held";
    /// The hold was cancelled before it came.
    RESERVATION_CANCELLED = "reservation-cancelled", 409, "The reservation was cancelled";
    /// The stock has been sold.
    ALREADY_COMMITTED = "already-committed", 409, "The stock has been sold";
    /// The account holds as many open reservations as it may.
    TOO_MANY_HOLDS = "too-many-open-orders", 409, "Too many unpaid orders";
    /// The order's payment cannot be taken in its state.
    NOT_PAYABLE = "not-payable", 409, "The order cannot be paid";
    /// The payment was cancelled.
    PAYMENT_CANCELLED = "payment-cancelled", 409, "The payment was cancelled";
    /// More than what is left to refund.
    REFUND_TOO_LARGE = "refund-too-large", 409, "More than what is left to refund";
    /// The payment has captured nothing.
    NOT_REFUNDABLE = "not-refundable", 409, "There is nothing to refund";
    /// A bank took the payment's money, or is about to.
    PAYMENT_DISPUTED = "payment-disputed", 409, "The payment is disputed";
    /// The order's payment is disputed: nothing of it is shipped.
    ORDER_DISPUTED = "order-disputed", 409, "The order's payment is disputed";
    /// `If-Match` names another version.
    PRECONDITION_FAILED = "precondition-failed", 412, "It is not the version you named";
    /// The body or an upload is too large.
    TOO_LARGE = "payload-too-large", 413, "The body is too large";
    /// The URL is too long.
    URI_TOO_LONG = "uri-too-long", 414, "The URL is too long";
    /// Not a media type that is read here.
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "That media type is not read here";
    /// Well-formed and not valid; `errors` says where.
    INVALID = "invalid-request", 422, "Some values are not valid";
    /// The same key with another body.
    IDEMPOTENCY_MISMATCH = "idempotency-mismatch", 422, "The key was used with another body";
    /// Products that cannot be ordered.
    PRODUCT_UNAVAILABLE = "product-unavailable", 422, "Some products cannot be ordered";
    /// Below what the payment provider takes.
    AMOUNT_TOO_SMALL = "amount-too-small", 422, "Below the smallest payment";
    /// A file that is no image of an accepted kind.
    INVALID_IMAGE = "invalid-image", 422, "That is not an image that is accepted here";
    /// Too many requests.
    RATE_LIMITED = "rate-limited", 429, "Too many requests";
    /// The request's head is too large.
    HEADERS_TOO_LARGE = "headers-too-large", 431, "The headers are too large";
    /// A fault of ours.
    INTERNAL = "internal-error", 500, "Something went wrong on our side";
    /// The payment provider answered with an error of its own.
    PROVIDER_ERROR = "provider-error", 502, "The payment provider refused";
    /// A neighbour or the database does not answer.
    UNAVAILABLE = "service-unavailable", 503, "Not available at the moment";
    /// The storage of images does not answer.
    STORAGE_UNAVAILABLE = "storage-unavailable", 503, "Images cannot be reached at the moment";
    /// Too many sign-ins or uploads at once.
    BUSY = "busy", 503, "Too busy at the moment";
    /// A neighbour did not answer in time.
    TIMEOUT = "upstream-timeout", 504, "It took too long";
    /// The storage of images is full.
    STORAGE_FULL = "storage-full", 507, "There is no room for more images";
}

/// The code with that word.
#[must_use]
pub fn by_slug(slug: &str) -> Option<Code> {
    ALL.iter().copied().find(|c| c.slug == slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_used_twice() {
        let mut slugs: Vec<_> = ALL.iter().map(|c| c.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ALL.len());
    }
}
