//! Connections that outlive freezes, restarts and failovers.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};

use super::error::{ACCESS_DENIED, MySqlError, number};
use super::login::{Login, LoginError};
use super::settings::DatabaseSettings;
use super::statements;
use crate::Deadline;
use crate::clock::Moment;
use crate::platform::Backoff;
use crate::settings::SettingError;

/// The limit for one connect, TLS included. It leaves room for one lost packet, which is sent again after 1 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long to keep retrying a failed connect. A server back within this time costs no request.
const CONNECT_RETRY_LIMIT: Duration = Duration::from_secs(1);

/// The limit for the secret and the connection ahead of the first event. Lambda gives a cold start 10 s.
const WARM_UP_LIMIT: Duration = Duration::from_secs(8);

/// A connection that was used within this time counts as alive. Any other is checked first.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The limit for that check.
const CHECK_LIMIT: Duration = Duration::from_millis(500);

/// The minimum time for another try: the lock wait of 1 s (`statements.rs`) and a margin. A try that the deadline cuts
/// off has an unknown outcome.
pub(super) const TRY_LIMIT: Duration = Duration::from_millis(1_500);

/// A prepared statement for 1000 rows costs the server 3 MB as long as a connection holds it (measured, MySQL 9.7).
const CACHED_STATEMENTS: usize = 4;

/// Boxed: rare, and the connect future is large.
type Connecting<'a> = Pin<Box<dyn Future<Output = Result<MySqlConnection, MySqlError>> + Send + 'a>>;

/// The connections of one environment: at most one for each event under way. An event takes the connection that was used
/// last, and opens one only if none is idle.
pub(super) struct Connections {
    login: Login,
    /// Tried when the server refuses `login`.
    other: Option<Login>,
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
        Self { login: Login::new(settings.source()), other: settings.other().map(Login::new), idle: Mutex::default() }
    }

    /// Connects ahead of the first event. Fails only if a setting is wrong.
    pub(super) async fn warm_up(&self) -> Result<(), SettingError> {
        // No retries: the first event has its own.
        let connecting: Connecting<'_> = Box::pin(self.connect_once(Deadline::within(WARM_UP_LIMIT)));
        match connecting.await {
            Ok(connection) => self.keep(connection),
            Err(MySqlError::Login(LoginError::Setting(error))) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "starting without the database; the next event tries again");
            }
        }
        Ok(())
    }

    /// A connection that works: an idle one, checked if it has been idle for long, or a new one.
    pub(super) async fn take(&self, deadline: Deadline, persistent: bool) -> Result<MySqlConnection, MySqlError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(Idle { mut connection, since }) = idle {
            if since.is_within(TRUSTED_FOR, Moment::now()) {
                return Ok(connection);
            }
            match deadline.at_most(CHECK_LIMIT).limit(statements::ping(&mut connection)).await {
                Ok(Ok(())) => return Ok(connection),
                Ok(Err(error)) => tracing::info!(%error, "the idle connection is dead; connecting again"),
                Err(_) => tracing::info!("the idle connection does not answer; connecting again"),
            }
        }
        let connecting: Connecting<'_> = Box::pin(self.connect(deadline, persistent));
        connecting.await
    }

    /// Keeps a connection for the next event. Its last response must have been read.
    pub(super) fn keep(&self, connection: MySqlConnection) {
        let idle = Idle { connection, since: Moment::now() };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }

    /// Retries a failed connect for a second; `persistent`: until the deadline.
    async fn connect(&self, deadline: Deadline, persistent: bool) -> Result<MySqlConnection, MySqlError> {
        let started = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            let error = match self.connect_once(deadline).await {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let may_retry = persistent || started.elapsed() < CONNECT_RETRY_LIMIT;
            if !error.is_transient() || !may_retry || deadline.remaining() < TRY_LIMIT {
                return Err(error);
            }
            tracing::debug!(%error, "no connection yet");
            backoff.next().await;
        }
    }

    /// While a stage switches its login, the user may still have the other one.
    async fn connect_once(&self, deadline: Deadline) -> Result<MySqlConnection, MySqlError> {
        let refused = match log_in(&self.login, deadline).await {
            Err(MySqlError::Connect(error)) if number(&error) == Some(ACCESS_DENIED) => error,
            outcome => return outcome,
        };
        let Some(other) = &self.other else {
            self.login.explain_refusal();
            return Err(MySqlError::Connect(refused));
        };
        tracing::info!("the login is being switched (DB_LOGIN_SWITCH): trying the password of DB_SECRET_ARN");
        log_in(other, deadline).await
    }
}

/// Logs in. If the server refuses the password, the secret is read again: it may have been rotated.
async fn log_in(login: &Login, deadline: Deadline) -> Result<MySqlConnection, MySqlError> {
    tracing::debug!("logging in");
    let options = login.options(deadline).await?;
    let refused = match open(options, deadline).await {
        Err(MySqlError::Connect(error)) if number(&error) == Some(ACCESS_DENIED) => error,
        opened => return opened,
    };
    tracing::info!(error = %refused, "the login was refused");
    match login.renewed(deadline).await? {
        Some(options) => open(options, deadline).await,
        None => Err(MySqlError::Connect(refused)),
    }
}

async fn open(options: MySqlConnectOptions, deadline: Deadline) -> Result<MySqlConnection, MySqlError> {
    let options = options
        // Each of these would add to a `SET`; `statements::set_up_session` sends the only one that is needed.
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
        Ok(connected) => connected.map_err(MySqlError::Connect),
        Err(_) => Err(MySqlError::TooLateToSend),
    }
}
