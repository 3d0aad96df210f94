{#
    The surrogate of an identity: HMAC-SHA256 under the secret of the settings, 32 hexadecimal characters; null of null.
    Both padded keys are settings of the session (`ingestion/surrogate.py`): without them the query fails.
#}
{% macro keyed_hash(identity) -%}
    left(
        encode(
            sha256(
                decode(current_setting('chungtay.surrogate_outer_key'), 'hex')
                || sha256(
                    decode(current_setting('chungtay.surrogate_inner_key'), 'hex')
                    || convert_to({{ identity }}, 'UTF8')
                )
            ),
            'hex'
        ),
        32
    )
{%- endmacro %}

{#
    What tells equal texts from others within this warehouse: MD5 under the secret, a fifth of the cost of `keyed_hash`. For
    groups that stay in private tables, never for a key that leaves them.
#}
{% macro keyed_digest(text) -%}
    md5(current_setting('chungtay.surrogate_inner_key') || {{ text }})
{%- endmacro %}
