{#
    How far a value is from a target, in the target's unit: what is still to go is positive, zero or less is the margin
    by which it is met. Of a range the bound that is met first counts; `between` has two.
#}
{% macro target_gap(value) -%}
    case comparator_code
        when 'at_most' then {{ value }} - target_high
        when 'between' then greatest(target_low - {{ value }}, {{ value }} - target_high)
        else target_low - {{ value }}
    end
{%- endmacro %}
