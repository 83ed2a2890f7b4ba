//! An account as clients see it: never its password's hash.

use types::rfc3339;
use wire::users::User;

use crate::domain::Account;

impl From<Account> for User {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            email: account.email,
            first_name: account.profile.first_name,
            last_name: account.profile.last_name,
            phone: account.profile.phone,
            role: account.role,
            created_at: rfc3339(account.created_at),
            updated_at: rfc3339(account.updated_at),
        }
    }
}
