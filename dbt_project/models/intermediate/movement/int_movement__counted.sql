with household as (
    select
        period_code,
        standard_code,
        commune_code,
        previous_class_code,
        class_code,
        movement_code,
        member_count_at_start,
        member_count,
        false as is_unexplained
    from {{ ref('int_household__reviewed') }}
    union all
    -- one that this year's list lacks left in a way that nobody tells, unless its row is held
    select
        off_list.period_code,
        off_list.standard_code,
        off_list.commune_code,
        off_list.previous_class_code,
        null,
        'other',
        off_list.member_count_at_start,
        null,
        not exists (
            select 1
            from {{ ref('stg_household_review_held') }} as held_row
            where
                off_list.household_code = held_row.household_code
                and off_list.period_code = held_row.period_code
                and off_list.standard_code = held_row.standard_code
        )
    from {{ ref('int_household__off_list') }} as off_list
),

weighed as (
    select
        household.period_code,
        household.standard_code,
        household.commune_code,
        household.previous_class_code,
        household.class_code,
        household.movement_code,
        household.is_unexplained,
        measure.counted_code,
        measure.at_start,
        measure.at_end
    from household
    cross join lateral (
        values
        ('households', 1, 1),
        ('persons', household.member_count_at_start, household.member_count)
    ) as measure (counted_code, at_start, at_end)
),

summed as (
    select
        period_code,
        standard_code,
        commune_code,
        counted_code,
        sum(at_start) filter (where is_unexplained) as unexplained_count,
        bool_or(previous_class_code is null) as has_unknown_start,
        {%- for class_code in ['poor', 'near_poor'] %}
            sum(at_start) filter (where previous_class_code = '{{ class_code }}') as {{ class_code }}_start,
            sum(at_start) filter (where previous_class_code = '{{ class_code }}' and movement_code = 'other')
                as {{ class_code }}_other_decrease,
            sum(at_end) filter (where movement_code = '{{ class_code }}_relapsed') as {{ class_code }}_relapsed,
            sum(at_end) filter (where movement_code = '{{ class_code }}_new') as {{ class_code }}_new,
            sum(at_end) filter (where class_code = '{{ class_code }}' and movement_code = 'other')
                as {{ class_code }}_other_increase,
            sum(at_end) filter (where class_code = '{{ class_code }}') as {{ class_code }}_end,
        {%- endfor %}
        sum(at_end) filter (where movement_code = 'poor_to_near_poor') as poor_to_near_poor,
        sum(at_end) filter (where movement_code = 'poor_to_near_poor') as near_poor_from_poor,
        sum(at_end) filter (where movement_code = 'near_poor_to_poor') as near_poor_to_poor,
        sum(at_end) filter (where movement_code = 'near_poor_to_poor') as poor_from_near_poor,
        sum(at_end) filter (where movement_code = 'poor_to_above') as poor_to_above,
        sum(at_end) filter (where movement_code = 'near_poor_escaped') as near_poor_escaped
    from weighed
    group by period_code, standard_code, commune_code, counted_code
)

-- The end of the year is known from the list alone; all else only where the class at the start is known of every
-- household.
select
    commune.period_code,
    commune.review_year,
    commune.standard_code,
    commune.commune_code,
    commune.district_code,
    commune.province_code,
    measure.counted_code,
    commune.has_held_row,
    {%- for form_code, columns in movement_columns().items() %}
        {%- for column in columns %}
            case
                when
                    commune.is_known
                    {%- if column != 'end' %} and summed.has_unknown_start is not true{% endif %}
                    then coalesce(summed.{{ form_code }}_{{ column }}, 0)
            end as {{ form_code }}_{{ column }},
        {%- endfor %}
    {%- endfor %}
    case when commune.is_known then coalesce(summed.unexplained_count, 0) end as unexplained_count
from {{ ref('int_household__by_commune') }} as commune
cross join (values ('households'), ('persons')) as measure (counted_code)
left join summed
    on
        commune.period_code = summed.period_code
        and commune.standard_code = summed.standard_code
        and commune.commune_code = summed.commune_code
        and measure.counted_code = summed.counted_code
