//! One connection per event at once, kept through freezes, restarts and failovers.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};

use super::error::{Refusal, StoreError, number};
use super::login::{Login, LoginError};
use super::pauses::Backoff;
use super::statements;
use crate::Deadline;
use crate::clock::Moment;
use crate::settings::{DatabaseSettings, SettingError};

/// How long connecting may take: room for one lost packet (sent again after 1 s), TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// For how long connecting is tried anew: a server that is back within that time costs no request.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the secret and the connection may take ahead of the first event; Lambda gives a start 10 s.
const WARM_UP_LIMIT: Duration = Duration::from_secs(8);

/// A connection that was used less than this ago is taken to be alive; an older one is asked first.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How long an idle connection may take to show that it is alive.
const CHECK_LIMIT: Duration = Duration::from_millis(500);

/// What one more try may take: the lock wait of `statements.rs`, 1 s, and some more. A try that the
/// deadline cut off would leave open whether it was carried out.
const TRY_LIMIT: Duration = Duration::from_millis(1_500);

/// A statement for 1000 rows costs the server 3 MB for as long as a connection holds it (measured, MySQL 9.7).
const CACHED_STATEMENTS: usize = 4;

/// Access denied: the password is wrong, or was changed.
const ACCESS_DENIED: Option<u16> = Some(1045);

/// What may be run again after it failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum RetryPolicy<'a> {
    /// Reading, and what is stored once however often it is sent: whatever happened.
    Always,
    /// The same, and while this says that the outcome of a try is open, only another one can tell: then there are tries
    /// for as long as there is time.
    UntilKnown(&'a AtomicBool),
    /// Writing: only what the server said it did not do.
    IfRefused,
}

impl RetryPolicy<'_> {
    fn after_anything(self) -> bool {
        !matches!(self, Self::IfRefused)
    }

    fn outcome_is_open(self) -> bool {
        matches!(self, Self::UntilKnown(is_open) if is_open.load(Ordering::Relaxed))
    }
}

/// Work on a connection, which may run several times: on each try. A trait and not an async closure, because only this
/// says that the future can move between threads, as `lambda_http` demands.
pub(super) trait Work {
    /// What it gives.
    type Output;

    /// One try.
    fn run(&self, connection: &mut MySqlConnection) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// A connection that is being made.
type Connecting<'a> = Pin<Box<dyn Future<Output = Result<MySqlConnection, StoreError>> + Send + 'a>>;

/// Gives each event a connection that works, if there can be one. There are never more connections than events at once:
/// an event takes the connection that was used last, and opens one only when none is idle.
pub(super) struct Connections {
    login: Login,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: MySqlConnection,
    since: Moment,
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn new(settings: &DatabaseSettings) -> Self {
        Self { login: Login::new(settings), idle: Mutex::default() }
    }

    pub(super) async fn warm_up(&self) -> Result<(), SettingError> {
        // Once: the first event has patience of its own.
        let connecting: Connecting<'_> = Box::pin(self.connect_once(Deadline::within(WARM_UP_LIMIT)));
        match connecting.await {
            Ok(connection) => self.keep(connection),
            Err(StoreError::Login(LoginError::Setting(error))) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "starting without the database; the next event tries again");
            }
        }
        Ok(())
    }

    /// Runs the work on a working connection, again where `repeat` allows it and time is left.
    pub(super) async fn run<T>(
        &self,
        deadline: Deadline,
        repeat: RetryPolicy<'_>,
        work: impl Work<Output = T>,
    ) -> Result<T, StoreError> {
        let mut last_try = false;
        let mut pauses = Backoff::default();
        loop {
            let mut connection = self.working_connection(deadline, repeat).await?;
            if deadline.remaining().is_zero() {
                self.keep(connection);
                return Err(StoreError::TooLateToSend);
            }
            let patience = if repeat.after_anything() && !last_try { half(deadline) } else { deadline };
            let error = match patience.limit(work.run(&mut connection)).await {
                Ok(Ok(value)) => {
                    self.keep(connection);
                    return Ok(value);
                }
                Ok(Err(error)) => error,
                // The connection is dropped: the answer to this statement must not meet the next one.
                Err(_) if deadline.remaining() >= TRY_LIMIT => {
                    tracing::warn!("the connection is silent; trying again on another");
                    last_try = true;
                    continue;
                }
                Err(_) => return Err(StoreError::NoAnswerInTime),
            };
            // One more connection, or as many as it takes to find out.
            let mut on_another = || repeat.outcome_is_open() || !std::mem::replace(&mut last_try, true);
            let again = match Refusal::of(&error) {
                Some(Refusal::Contended) => {
                    self.keep(connection);
                    true
                }
                Some(Refusal::Final) => {
                    self.keep(connection);
                    false
                }
                Some(Refusal::NeedsNewConnection) => on_another(),
                None => repeat.after_anything() && on_another(),
            };
            let error = StoreError::of_statement(error);
            if !again || deadline.remaining() < TRY_LIMIT {
                return Err(error);
            }
            tracing::warn!(%error, "trying again");
            // The first time at once. A connection that breaks again and again would keep a processor busy.
            if repeat.outcome_is_open() {
                pauses.after_the_first().await;
            }
        }
    }

    async fn working_connection(
        &self,
        deadline: Deadline,
        repeat: RetryPolicy<'_>,
    ) -> Result<MySqlConnection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(Idle { mut connection, since }) = idle {
            if since.is_within(TRUSTED_FOR, Moment::now()) {
                return Ok(connection);
            }
            let check = deadline.at_most(CHECK_LIMIT).limit(statements::ping(&mut connection)).await;
            match check {
                Ok(Ok(())) => return Ok(connection),
                Ok(Err(error)) => {
                    tracing::info!(%error, "the idle connection is dead; connecting again");
                }
                Err(_) => tracing::info!("the idle connection does not answer; connecting again"),
            }
        }
        // Rare, and a large future of a deep type: who waits for a statement need not carry it.
        let connecting: Connecting<'_> = Box::pin(self.connect(deadline, repeat));
        connecting.await
    }

    /// A new connection, tried for again for a second where the failure may pass; while the outcome of what was sent is
    /// open, for as long as there is time for a try.
    async fn connect(&self, deadline: Deadline, repeat: RetryPolicy<'_>) -> Result<MySqlConnection, StoreError> {
        let started = Instant::now();
        let mut pauses = Backoff::default();
        loop {
            let error = match self.connect_once(deadline).await {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let is_patient = repeat.outcome_is_open() || started.elapsed() < PATIENCE;
            if !error.may_pass() || !is_patient || deadline.remaining() < TRY_LIMIT {
                return Err(error);
            }
            tracing::debug!(%error, "no connection yet");
            pauses.next().await;
        }
    }

    /// The server may refuse a password that was changed meanwhile: then by what the secret says now.
    async fn connect_once(&self, deadline: Deadline) -> Result<MySqlConnection, StoreError> {
        tracing::debug!("logging in");
        let options = self.login.options(deadline).await?;
        let refused = match open(options, deadline).await {
            Err(StoreError::Connect(error)) if number(&error) == ACCESS_DENIED => error,
            opened => return opened,
        };
        tracing::info!(error = %refused, "the password was refused; has the secret changed?");
        match self.login.renewed(deadline).await? {
            Some(options) => open(options, deadline).await,
            None => Err(StoreError::Connect(refused)),
        }
    }

    fn keep(&self, connection: MySqlConnection) {
        let idle = Idle { connection, since: Moment::now() };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }
}

async fn open(options: MySqlConnectOptions, deadline: Deadline) -> Result<MySqlConnection, StoreError> {
    let options = options
        // Each of these would be part of a `SET`; `statements::set_up_session` sends the one that is needed.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .statement_cache_capacity(CACHED_STATEMENTS)
        .disable_statement_logging();
    let connect = async {
        let mut connection = options.connect().await?;
        tracing::debug!("connected");
        statements::set_up_session(&mut connection).await?;
        tracing::debug!("the session is set up");
        Ok(connection)
    };
    match deadline.at_most(CONNECT_LIMIT).limit(connect).await {
        Ok(connected) => connected.map_err(StoreError::Connect),
        Err(_) => Err(StoreError::TooLateToSend),
    }
}

/// How long to wait for a connection that may have gone silent, as at a failover: half of the time, if what is left
/// then is enough for another one.
fn half(deadline: Deadline) -> Deadline {
    let half = deadline.remaining() / 2;
    if half < TRY_LIMIT { deadline } else { deadline.at_most(half) }
}
