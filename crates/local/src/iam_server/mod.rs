//! RDS with IAM database authentication, as a client sees it. This server stands in front of a real one. It asks for a token
//! by `mysql_clear_password`, verifies it, logs in to the real server by a password, and passes everything else on.
//! `AWSAuthenticationPlugin` itself exists only inside RDS. `./dev bench` and the tests use it.

mod backend;
mod packet;
mod token;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::packet::{Greeting, Login, Packet};
use self::token::verify;
pub use self::token::{Policy, Refusal};
use crate::database::{TlsFiles, tls_acceptor};

pub struct IamServerOptions {
    /// Without a certificate, the server offers no TLS.
    pub tls: Option<TlsFiles>,
    /// The port of the real server.
    pub backend: u16,
    /// The password of every user on the real server. Clients do not know it.
    pub password: String,
    /// The accepted tokens. The port is filled in.
    pub policy: Policy,
}

/// Serves until it is dropped.
pub struct IamServer {
    pub port: u16,
    verdicts: Arc<Mutex<Vec<Result<String, Refusal>>>>,
    _task: JoinSet<()>,
}

struct Shared {
    acceptor: Option<TlsAcceptor>,
    backend: u16,
    password: String,
    policy: Policy,
    verdicts: Arc<Mutex<Vec<Result<String, Refusal>>>>,
}

impl IamServer {
    /// Listens on a free port.
    pub async fn start(options: IamServerOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let verdicts = Arc::default();
        let shared = Arc::new(Shared {
            acceptor: options.tls.as_ref().map(acceptor).transpose()?,
            backend: options.backend,
            password: options.password,
            policy: Policy { port, ..options.policy },
            verdicts: Arc::clone(&verdicts),
        });
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                // An error concerns one client: it left, was refused, or does not trust the certificate.
                connections.spawn(async move { drop(serve(client, &shared).await) });
            }
        });
        Ok(Self { port, verdicts, _task: task })
    }

    /// The verdict on each token so far: the user that logged in, or the reason for a refusal.
    pub fn verdicts(&self) -> Vec<Result<String, Refusal>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn acceptor(files: &TlsFiles) -> io::Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_file(&files.certificate).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(io::Error::other)?;
    tls_acceptor(certificate, key)
}

/// Greets like the real server, whose answers the client will get.
async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut backend = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.backend)).await?;
    client.set_nodelay(true)?;
    backend.set_nodelay(true)?;
    let greeting = Greeting::parse(&Packet::read(&mut backend).await?.payload);
    let for_client = greeting.for_client(shared.acceptor.is_some());
    Packet { sequence: 0, payload: for_client }.write(&mut client).await?;
    let first = Packet::read(&mut client).await?;
    match &shared.acceptor {
        Some(acceptor) if Login::asks_for_tls(&first.payload) => {
            let mut encrypted = acceptor.accept(client).await?;
            let login = Packet::read(&mut encrypted).await?;
            authenticate(&mut encrypted, &mut backend, &greeting, &login, Some(shared)).await?;
            tokio::io::copy_bidirectional(&mut encrypted, &mut backend).await?;
        }
        // Without TLS, RDS refuses every login by IAM.
        _ => authenticate(&mut client, &mut backend, &greeting, &first, None).await?,
    }
    Ok(())
}

/// An error if the login is refused. `shared` is `None` if the connection is not encrypted.
async fn authenticate(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    backend: &mut TcpStream,
    greeting: &Greeting,
    login: &Packet,
    shared: Option<&Shared>,
) -> io::Result<()> {
    let Packet { sequence, payload } = login;
    let login = Login::parse(payload).ok_or_else(|| io::Error::other("no login"))?;
    let Some(shared) = shared else {
        packet::access_denied(sequence + 1, &login.user).write(client).await?;
        return Err(io::Error::other("not encrypted"));
    };
    packet::switch_to_clear_password(sequence + 1).write(client).await?;
    let answer = Packet::read(client).await?;
    let token = answer.payload.strip_suffix(b"\0").unwrap_or(&answer.payload);
    let verdict = verify(&String::from_utf8_lossy(token), &login.user, &shared.policy);
    shared.verdicts.lock().unwrap_or_else(PoisonError::into_inner).push(verdict.map(|()| login.user.clone()));
    let Err(refusal) = verdict else {
        let outcome = backend::log_in(backend, greeting, &login, &shared.password).await?;
        return Packet { sequence: answer.sequence + 1, payload: outcome }.write(client).await;
    };
    packet::access_denied(answer.sequence + 1, &login.user).write(client).await?;
    Err(io::Error::other(format!("{refusal:?}")))
}
