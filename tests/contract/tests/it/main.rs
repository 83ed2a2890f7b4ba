//! The contract with clients, clause by clause. Each clause is a function on a running shop; it is shown on a shop in
//! one process, a test a clause, and on one shop of five processes, all clauses in a row.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and its tasks end with it"
)]

mod accounts;
mod browsing;
mod errors;
mod openapi;
mod orders;
mod payments;
mod sagas;
mod selling;

use souk_test_shop::{Form, Shop};

macro_rules! clauses {
    ($($module:ident :: $clause:ident),* $(,)?) => {
        mod in_one_process {
            use super::*;
            $(
                #[tokio::test]
                async fn $clause() {
                    let shop = Shop::start(Form::OneProcess).await;
                    $module::$clause(&shop).await;
                    shop.check_books().await;
                }
            )*
        }

        #[tokio::test]
        async fn every_clause_holds_as_five_processes() {
            let shop = Shop::start(Form::FiveProcesses).await;
            $(
                // The name shows where a clause fails.
                println!("{}::{}", stringify!($module), stringify!($clause));
                $module::$clause(&shop).await;
            )*
            shop.check_books().await;
        }
    };
}

clauses! {
    accounts::an_account_signs_up_in_and_out,
    accounts::a_taken_address_and_a_wrong_password_are_refused,
    accounts::nobody_registers_as_admin,
    accounts::a_used_refresh_token_answers_with_the_same_successor,
    accounts::the_profile_changes_only_in_what_was_named,
    accounts::forged_tokens_open_nothing,
    browsing::lists_page_by_number_and_by_cursor,
    browsing::a_product_is_found_by_id_slug_and_words,
    browsing::what_did_not_change_is_not_sent_again,
    selling::a_seller_manages_own_products_only,
    selling::a_deleted_product_cannot_be_ordered_and_old_orders_still_name_it,
    selling::a_picture_is_kept_and_served_and_what_is_none_is_refused,
    orders::an_order_is_placed_paid_and_its_stock_taken,
    orders::a_declined_card_is_no_end,
    orders::not_enough_stock_names_the_lines_and_keeps_the_order_as_cancelled,
    orders::cancelling_gives_the_stock_back,
    orders::cancelling_a_paid_order_refunds_and_restocks,
    orders::a_key_makes_one_order,
    orders::an_order_goes_the_sellers_way_to_delivered,
    orders::strangers_do_not_learn_that_an_order_exists,
    orders::bad_orders_say_what_is_wrong_with_each_line,
    payments::money_goes_back_in_parts_and_never_more_than_came,
    payments::refunding_each_line_returns_all_that_was_paid,
    payments::the_same_intent_is_given_to_its_owner_again,
    payments::a_forged_webhook_changes_nothing,
    sagas::an_admin_sees_sagas_and_what_each_did,
    sagas::only_admins_intervene_and_only_in_what_is_stuck,
    sagas::a_stuck_checkout_is_tried_again_and_the_timeline_says_who_did_it,
    sagas::abandoning_before_the_money_cancels_the_order,
    sagas::abandoning_after_the_money_refunds_and_restocks,
    errors::every_failure_is_a_problem_with_a_request_id,
    errors::internal_routes_do_not_exist_at_the_edge,
    errors::the_services_answer_the_same_paths_without_api,
}
