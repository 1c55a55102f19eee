//! The scenario: what it needs of a service, and whether a client went through it.

use groundwork::app;
use groundwork::domain::email::Email;
use groundwork::domain::password::Password;
use groundwork::domain::permissions::UserRole;
use groundwork::models::users::{NewProfile, NewUser};
use groundwork::services::idempotency::Idempotency;
use groundwork::services::store::Actor;
use groundwork::services::users::UserService;
use groundwork_telemetry::context::CallContext;
use serde_json::Value;

use crate::support::{Backend, Service};

pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/scenario.json");

pub struct Scenario(Value);

impl Scenario {
    pub fn read() -> Self {
        Self(serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap())
    }

    /// A service with the default limits and the users that the scenario starts from, which may send
    /// webhooks to this machine.
    pub async fn service(&self) -> Service {
        let settings = [
            ("RATE_LIMIT_PER_MINUTE", "60"),
            ("AUTH_RATE_LIMIT_PER_MINUTE", "10"),
            ("WEBHOOK_ALLOW_PRIVATE_NETWORKS", "true"),
        ];
        let service = Service::start_with(Backend::Sqlite, &settings).await;
        let users = app::user_service(&service.settings()).unwrap();
        let seed = &self.0["seed"];
        let password = text(&seed["admin"]["password"]);
        create(&users, text(&seed["admin"]["email"]), password, true).await;
        let listed = &seed["listed"];
        for number in 1..=listed["count"].as_u64().unwrap() {
            let (prefix, domain) = (text(&listed["email_prefix"]), text(&listed["email_domain"]));
            create(&users, &format!("{prefix}{number}@{domain}"), password, false).await;
        }
        service
    }

    /// The user that a README's snippet logs in with.
    pub async fn register_user(&self, service: &Service) {
        let user = &self.0["user"];
        service.register(text(&user["email"]), text(&user["password"])).await.expect(201);
    }

    /// The scenario with one more step, before all others.
    pub fn beginning_with(mut self, step: &str) -> Value {
        let steps = self.0["steps"].as_array_mut().unwrap();
        steps.insert(0, serde_json::json!({"step": step, "does": "", "expect": {}}));
        self.0
    }

    /// Fails unless every step was passed, in the order of the scenario.
    pub fn judge(&self, printed: &str) -> Result<(), String> {
        let wanted: Vec<&str> =
            self.0["steps"].as_array().unwrap().iter().map(|step| text(&step["step"])).collect();
        let passed: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("step ")).collect();
        if passed == wanted { Ok(()) } else { Err(format!("passed {passed:?} instead of {wanted:?}")) }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn create(users: &UserService, email: &str, password: &str, is_superuser: bool) {
    let user = NewUser {
        email: Email::parse(email).unwrap(),
        profile: NewProfile::default(),
        is_active: true,
        role: if is_superuser { UserRole::Superuser } else { UserRole::User },
        is_verified: true,
    };
    let password = Password::parse(password).unwrap();
    users.create(Actor::Operator, user, password, &Idempotency::none(), &CallContext::local()).await.unwrap();
}

#[test]
fn a_step_that_is_missing_unknown_or_out_of_order_is_found() {
    let scenario = Scenario(serde_json::json!({"steps": [{"step": "one"}, {"step": "two"}]}));
    assert_eq!(scenario.judge("step one\nsome words\nstep two\n"), Ok(()));
    for printed in ["", "step one\n", "step two\nstep one\n", "step one\nstep two\nstep three\n"] {
        assert!(scenario.judge(printed).is_err(), "{printed:?}");
    }
}
