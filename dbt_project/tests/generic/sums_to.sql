{#
    What: the rows of one thing don't sum to the total that they are parts of.
    When: a part is missing, stands twice, or shares were rounded without giving the rest to one of them.
    How to resolve: look at how the parts are made; one of them must take what the others leave.
#}
{% test sums_to(model, column, partition_by, total) %}
select
    {{ partition_by | join(', ') }},
    sum({{ column }}) as total_of_parts
from {{ model }}
group by {{ partition_by | join(', ') }}
having sum({{ column }}) <> {{ total }}
{% endtest %}
