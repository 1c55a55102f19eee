//! Commands for development.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use groundwork::app;
use groundwork::db::migrations;
use groundwork::domain::email::Email;
use groundwork::domain::password::Password;
use groundwork::domain::permissions::UserRole;
use groundwork::domain::text::FullName;
use groundwork::models::users::{NewProfile, NewUser};
use groundwork::services::idempotency::Idempotency;
use groundwork::services::store::Actor;
use groundwork::settings::Settings;
use groundwork_telemetry::context::CallContext;

use super::{Result, block_on, print};

const SUPERUSER: &str = "root@example.com";
const USERS: u8 = 50;

/// The lowest cost, so that 51 passwords are hashed at once.
const BCRYPT_ROUNDS: u32 = 4;

/// Creates users and a superuser with one random password, which it prints.
pub fn seed(reset: bool) -> Result {
    let mut settings = Settings::load_without_secret()?;
    if settings.app_env.is_deployed() {
        return Err(format!(
            "refused, because APP_ENV is {}: not a database for development",
            settings.app_env
        )
        .into());
    }
    settings.bcrypt_rounds = BCRYPT_ROUNDS;
    let database = settings.effective().into_iter().find(|(name, _)| *name == "DATABASE_URL");
    let database = database.map(|(_, address)| address).unwrap_or_default();
    block_on(async {
        if reset {
            migrations::reset(&settings).await?;
            print(&format!("deleted all rows of all tables in {database}\n"))?;
        } else {
            migrations::prepare(&settings).await?;
        }
        let mut random = [0; 12];
        getrandom::fill(&mut random)?;
        let password = URL_SAFE_NO_PAD.encode(random);
        let users = app::user_service(&settings)?;
        for new in (0..=USERS).map(user) {
            let (new, password) = (new?, Password::parse(&password)?);
            let email = new.email.clone();
            let created = users
                .create(Actor::Operator, new, password, &Idempotency::none(), &CallContext::local())
                .await;
            created
                .map_err(|error| format!("{}: {error}; --reset deletes everything first", email.as_str()))?;
        }
        print(&format!(
            "created user1@example.com to user{USERS}@example.com and the superuser {SUPERUSER} in {database}\n\
             their password: {password}\n"
        ))
    })
}

/// The superuser is number 0. The others differ, so that there is something to filter by.
fn user(number: u8) -> Result<NewUser> {
    let email = if number == 0 { SUPERUSER.to_owned() } else { format!("user{number}@example.com") };
    let mut user = NewUser {
        email: Email::parse(&email)?,
        profile: NewProfile::default(),
        is_active: number == 0 || !number.is_multiple_of(10),
        role: if number == 0 { UserRole::Superuser } else { UserRole::User },
        is_verified: number.is_multiple_of(2),
    };
    user.profile.full_name = Some(FullName::parse(&format!("User {number}"))?);
    Ok(user)
}
