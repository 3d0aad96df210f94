{#
    What: two rows of one thing hold at the same time.
    When: a list gained a row without closing the one before, or versions were cut wrongly.
    How to resolve: close the earlier row on the day (or year) before the later one begins.
    `valid_to` is the last day (or year) of validity, null while it goes on.
#}
{% test mutually_exclusive_ranges(model, partition_by, valid_from, valid_to) %}
with followed as (
    select
        {{ partition_by | join(', ') }},
        {{ valid_from }} as starts,
        {{ valid_to }} as ends,
        row_number() over thing as position,
        count(*) over (partition by {{ partition_by | join(', ') }}) as row_count,
        lead({{ valid_from }}) over thing as next_starts
    from {{ model }}
    window thing as (partition by {{ partition_by | join(', ') }} order by {{ valid_from }})
)

select *
from followed
where
    ends < starts
    or next_starts <= ends
    or (ends is null and position < row_count)
{% endtest %}
