//! Endpoints, error codes and header values of the OCI distribution specification.
