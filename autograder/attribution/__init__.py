"""Attribution methods that the harness computes itself: quadrature rules, path integrals, faithfulness."""
