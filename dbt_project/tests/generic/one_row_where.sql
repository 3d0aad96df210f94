{#
    What: a thing has no row, or more than one, that meets the condition.
    When: two successors are both called the main one, two versions both current.
    How to resolve: correct the list or the model so that exactly one row per thing meets it.
#}
{% test one_row_where(model, partition_by, condition) %}
select
    {{ partition_by | join(', ') }},
    count(*) filter (where {{ condition }}) as row_count
from {{ model }}
group by {{ partition_by | join(', ') }}
having count(*) filter (where {{ condition }}) <> 1
{% endtest %}
