//! How both dialects print counts.

use modelpack_formats::{format_docker_count, format_docker_parameters, format_param_size};

#[test]
fn parameters_of_modelpack() {
    let check = |parameters, expected: &str| assert_eq!(format_param_size(parameters), expected);
    check(0, "0k");
    check(5, "0k");
    check(100, "0.1k");
    check(288, "0.3k");
    check(999, "1k");
    check(1_000, "1k");
    check(999_960, "1m");
    check(135_000_000, "135m");
    check(596_000_000, "596m");
    check(8_030_000_000, "8b");
    check(1_540_000_000, "1.5b");
    check(999_999_999, "1b");
    check(1_000_000_000_000, "1t");
    check(u128::MAX, "34028236692093846346337460.7t");
}

#[test]
fn parameters_of_docker_gguf() {
    let check = |parameters, expected: &str| {
        assert_eq!(format_docker_parameters(parameters), expected);
    };
    check(0, "0");
    check(183, "183");
    check(6_208, "6.21K");
    check(361_820_000, "361.82M");
    check(8_020_000_000, "8.02B");
    check(7_000_000_000, "7B");
    check(1_500_000_000_000, "1.50T");
    check(2_000_000_000_000_000, "2Q");
}

#[test]
fn numbers_of_docker_safetensors() {
    let check = |parameters, expected: &str| assert_eq!(format_docker_count(parameters), expected);
    check(64, "64.00");
    check(65_600, "65.60K");
    check(8_020_000_000, "8.02B");
}
