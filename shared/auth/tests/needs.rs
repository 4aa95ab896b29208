//! What operations declare is what they use: too little fails here, and too much as well.

mod world;

use latchkey_auth::memory::MemoryServices;
use latchkey_auth::services::{HandOverMail, IssueToken};
use latchkey_auth::{
    ChangePassword, CreateUser, Email, Login, LostPassword, MailClass, MailRequest, Needs, Requirements, ResetPassword,
    Timestamp, Use, UserId, VerifyUser,
};
use world::{ADA, DONE, OTHER, PASSWORD, World, identity};

/// The services that the last call used in full, as its operation declares them.
fn used_in_full<O: Requirements>(world: &World) {
    let Needs { table, outbox, identities, .. } = O::NEEDS;
    let [to_table, to_outbox, to_identities, _] = world.most_calls();
    for (declared, most) in [(table, to_table), (outbox, to_outbox), (identities, to_identities)] {
        if let Use::AtOnce(requests) = declared {
            assert_eq!(most, requests, "{declared:?}");
        }
    }
}

#[tokio::test]
async fn each_operation_has_as_many_requests_under_way_as_it_declares() {
    let world = World::default();
    assert_eq!(world.create_user(ADA, PASSWORD).await, Ok(DONE));
    used_in_full::<CreateUser>(&world);
    assert_eq!(world.verify_user(ADA, &world.mailed_token().await).await, DONE);
    used_in_full::<VerifyUser>(&world);
    identity(&world.login(ADA, PASSWORD).await);
    used_in_full::<Login>(&world);
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await, DONE);
    used_in_full::<ChangePassword>(&world);
    drop(world.mails().await);
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
    used_in_full::<LostPassword>(&world);
    assert_eq!(world.reset_password(ADA, &world.mailed_token().await, PASSWORD).await, DONE);
    used_in_full::<ResetPassword>(&world);
}

#[tokio::test]
#[should_panic(expected = "1 calls are under way, Never is declared")]
async fn a_service_that_is_not_declared_cannot_be_used() {
    let services = MemoryServices::default();
    services.declare(VerifyUser::NEEDS);
    let _ = services.issue_token(&UserId::from_stored("ada".to_owned())).await;
}

#[tokio::test]
#[should_panic(expected = "2 calls are under way, Rarely is declared")]
async fn a_service_is_not_used_more_than_declared() {
    let services = MemoryServices::default();
    services.declare(Login::NEEDS);
    let user = UserId::from_stored("ada".to_owned());
    // One identity token at a time is declared, and one request for mail.
    services.issue_token(&user).await.expect("no fault");
    let request = MailRequest {
        class: MailClass::Notice,
        to: Email::parse(ADA).expect("an address"),
        template: None,
        requested_at: Timestamp(0),
    };
    let _ = tokio::join!(services.hand_over_mail(&request), services.hand_over_mail(&request));
}

#[tokio::test]
#[should_panic(expected = "SignUp is read and not declared")]
async fn a_setting_that_is_not_declared_cannot_be_read() {
    use latchkey_auth::services::SignUpSettings;
    let services = MemoryServices::default();
    services.declare(Login::NEEDS);
    let _ = services.sign_up();
}
