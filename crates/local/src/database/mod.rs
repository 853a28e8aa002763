//! A private database server with its own folder, on loopback only, with a free port and a random password. Servers that
//! this program did not start are never touched.

mod error;
mod initialize;
mod left_behind;
mod options;
mod program;
mod server;
mod tls;

pub use error::ServerError;
pub use left_behind::end_left_behind;
pub use options::ServerOptions;
pub use program::{ProgramError, ServerProgram};
pub use server::Server;
pub(crate) use server::{PORT_TRIES, free_port, is_taken};
pub use tls::{TlsFiles, make_tls_files, make_tls_files_for, tls_acceptor};
