//! Rotation of refresh tokens, and detection of their reuse.

use groundwork_auth::TokenKind;
use groundwork_clock::Timestamp;
use groundwork_state::rate_limit::is_one_client;
use groundwork_telemetry::context::CallContext;

use super::{AuthService, Issued, IssuedTokens, VerifiedToken, usage};
use crate::models::audit_events::{self, AuditEvent, AuditKind, AuthEvent};
use crate::models::sessions::{self, RefreshState, Rotation};
use crate::services::Error;

impl AuthService {
    /// Exchanges a refresh token for the next pair of tokens, once. A client that lost the response
    /// can send the same token again until it has used a token of the new pair, and gets the same
    /// pair. Reuse of any other token of the session is treated as theft and ends the session (RFC
    /// 9700, 4.14.2).
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub async fn refresh(&self, refresh_token: &str, context: &CallContext) -> Result<IssuedTokens, Error> {
        let verified: VerifiedToken = self.signer.verify(refresh_token, TokenKind::Refresh)?;
        let VerifiedToken { subject: user, session, id: ref token } = verified;
        let now = self.store.now();
        let successor = self.signer.successor(token);
        let rotation = Rotation {
            presented: self.signer.hash(token),
            successor: self.signer.hash(&successor),
            access: self.signer.hash(&self.signer.access_id(&successor)),
        };
        let (usage, lifetime) = (usage(context, now), self.lifetimes.session());
        let mut connection = self.store.write_without_caller().await?;
        let rotated = sessions::rotate(&mut connection, session, user, &rotation, &usage, lifetime).await?;
        if let Some(session_ends_at) = rotated {
            let issued = Issued { at: now, session_ends_at };
            return self.issue_tokens(user, session, &successor, issued, now);
        }

        let found = sessions::find(&mut connection, session).await?;
        drop(connection);
        let live = found.filter(|s| s.user_id == user && s.revoked_at.is_none() && s.expires_at > now);
        let live = live.ok_or(Error::SESSION_OVER)?;
        if live.token_hash == rotation.presented {
            return Err(Error::USER_INACTIVE);
        }
        if let Some(issued) = self.repeat_refresh(&verified, &live, context, now).await? {
            return self.issue_tokens(user, session, &successor, issued, now);
        }
        self.revoke_replayed(&verified, context, now).await?;
        Err(Error::InvalidToken("the token was used before"))
    }

    /// Records a repeated refresh and returns when its tokens count as issued; `None` if the token
    /// is not the parent of the newest one, or a token of the newest pair has been used.
    async fn repeat_refresh(
        &self,
        verified: &VerifiedToken,
        live: &RefreshState,
        context: &CallContext,
        now: Timestamp,
    ) -> Result<Option<Issued>, Error> {
        let VerifiedToken { subject: user, session, id: ref token } = *verified;
        let presented = self.signer.hash(token);
        if live.previous_token_hash.as_deref() != Some(presented.0.as_slice()) {
            return Ok(None);
        }
        // The repeat issues identical tokens, unless half of the access token's lifetime is over.
        let is_fresh = now < live.last_used_at.plus(self.lifetimes.access / 2);
        let issued = if is_fresh { live.last_used_at } else { now };
        let (usage, lifetime) = (usage(context, issued), self.lifetimes.session());
        // Another network may mean a second client with a copy of the token.
        let is_elsewhere = live.ip.parse().is_ok_and(|ip| !is_one_client(ip, context.ip));
        let session_ends_at = self
            .store
            .transaction_without_caller(async |tx| {
                let repeated = sessions::repeat(tx, session, user, &presented, &usage, lifetime).await?;
                if repeated.is_some() && is_elsewhere {
                    let event = AuditEvent::new(AuditKind::REFRESH_REPEATED_ELSEWHERE, user, context)
                        .in_session(session);
                    audit_events::insert(tx, &event, now).await?;
                }
                Ok::<_, Error>(repeated)
            })
            .await?;
        if session_ends_at.is_some() {
            audit_events::log_auth_event(AuthEvent::REFRESH_REPEATED, Some(user));
        }
        Ok(session_ends_at.map(|session_ends_at| Issued { at: issued, session_ends_at }))
    }

    async fn revoke_replayed(
        &self,
        verified: &VerifiedToken,
        context: &CallContext,
        now: Timestamp,
    ) -> Result<(), Error> {
        let VerifiedToken { subject: user, session, .. } = *verified;
        let revoked = self
            .store
            .transaction_without_caller(async |tx| {
                // Concurrent replays record one event.
                let revoked = sessions::revoke(tx, session, now).await?;
                if revoked {
                    let event =
                        AuditEvent::new(AuditKind::REFRESH_TOKEN_REPLAYED, user, context).in_session(session);
                    audit_events::insert(tx, &event, now).await?;
                }
                Ok::<_, Error>(revoked)
            })
            .await?;
        self.revoked.replay.increment(revoked.into());
        Ok(())
    }
}
