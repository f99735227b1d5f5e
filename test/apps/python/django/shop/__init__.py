# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
