{#
    The day as of which it is asked which reports are due and which have come: today in Viet Nam, or the setting
    `chungtay.as_of` of the session.
#}
{% macro as_of() -%}
    coalesce(nullif(current_setting('chungtay.as_of', true), '')::date, {{ day_in_viet_nam('now()') }})
{%- endmacro %}

{# The calendar day of an instant where the senders are. #}
{% macro day_in_viet_nam(instant) -%}
    ({{ instant }} at time zone 'Asia/Ho_Chi_Minh')::date
{%- endmacro %}
