{#
    What: two rows have the same key, or a part of it is empty.
    When: a report that should have been superseded still counts, or a join multiplies rows.
    How to resolve: look at the rows of one key, and at what tells them apart.
#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    or {{ columns | join(' is null or ') }} is null
{% endtest %}
