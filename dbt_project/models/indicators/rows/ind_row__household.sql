with household as not materialized (
    select
        review.period_code,
        review.standard_code,
        breakdown.kind_code as breakdown_kind_code,
        coalesce(breakdown.code, 'unknown_' || breakdown.kind_code) as breakdown_code,
        review.commune_code,
        review.district_code,
        review.province_code,
        review.household_code,
        review.class_code,
        review.previous_class_code,
        review.movement_code,
        review.member_count,
        review.income_per_capita_vnd,
        review.is_ethnic_minority,
        review.is_merit_family,
        review.has_temporary_house,
        review.sender_code,
        review.submission_id,
        review.sheet_name,
        review.row_number
    from {{ ref('fct_household_review') }} as review -- slice: period_code, commune_code
    cross join lateral (
        values
        ('', ''),
        ('ethnic_group', review.ethnic_group_code),
        ('head_sex', review.head_sex_code),
        ('area_type', review.area_type)
    ) as breakdown (kind_code, code)
),

-- Poor a year ago, and not on this year's list: the row is that of the year before.
off_list as not materialized (
    select
        missed.period_code,
        missed.standard_code,
        breakdown.kind_code as breakdown_kind_code,
        coalesce(breakdown.code, 'unknown_' || breakdown.kind_code) as breakdown_code,
        missed.commune_code,
        missed.district_code,
        missed.province_code,
        missed.household_code,
        null as class_code,
        missed.previous_class_code,
        'other' as movement_code,
        null::integer as member_count,
        null::numeric as income_per_capita_vnd,
        null::boolean as is_ethnic_minority,
        null::boolean as is_merit_family,
        null::boolean as has_temporary_house,
        before.sender_code,
        before.submission_id,
        before.sheet_name,
        before.row_number
    from {{ ref('fct_household_movement') }} as missed -- slice: period_code, commune_code
    inner join {{ ref('fct_household_review') }} as before
        on
            missed.household_code = before.household_code
            and missed.list_year = before.review_year
            and missed.standard_code = before.standard_code
    cross join
        lateral (
            values
            ('', ''),
            ('ethnic_group', before.ethnic_group_code),
            ('head_sex', before.head_sex_code),
            ('area_type', before.area_type)
        ) as breakdown (kind_code, code)
    where
        missed.form_code = 'poor'
        and missed.column_code = 'start'
        and missed.class_code is null
),

figure as not materialized (
    select
        'poor_household_count' as indicator_code,
        1 as numerator,
        null::numeric as denominator,
        *
    from household
    where class_code = 'poor'
    union all
    select
        'near_poor_household_count',
        1,
        null,
        *
    from household
    where class_code = 'near_poor'
    union all
    -- the denominators of these rates are households of the commune profile
    select
        'poor_household_rate',
        1,
        0,
        *
    from household
    where class_code = 'poor' and breakdown_kind_code = ''
    union all
    select
        'near_poor_household_rate',
        1,
        0,
        *
    from household
    where class_code = 'near_poor' and breakdown_kind_code = ''
    union all
    select
        'multidimensional_poverty_rate',
        1,
        0,
        *
    from household
    where class_code in ('poor', 'near_poor') and breakdown_kind_code = ''
    union all
    select
        'ethnic_minority_poor_household_rate',
        is_ethnic_minority::integer,
        0,
        *
    from household
    where class_code = 'poor' and breakdown_kind_code = ''
    union all
    select
        'poor_merit_household_count',
        is_merit_family::integer,
        null,
        *
    from household
    where class_code = 'poor'
    union all
    select
        'poor_household_temporary_house_count',
        has_temporary_house::integer,
        null,
        *
    from household
    where class_code = 'poor'
    union all
    select
        'poor_household_income_per_capita',
        income_per_capita_vnd * member_count,
        member_count,
        *
    from household
    where class_code = 'poor'
    union all
    select
        'poverty_escape_rate',
        case when previous_class_code is not null then (class_code <> 'poor')::integer end,
        1,
        *
    from household
    where (previous_class_code = 'poor') is not false
    union all
    -- a household that vanished did not escape
    select
        'poverty_escape_rate',
        0,
        1,
        *
    from off_list
    union all
    select
        'poverty_relapse_rate',
        case when previous_class_code is not null then (movement_code = 'poor_relapsed')::integer end,
        1,
        *
    from household
    where class_code = 'poor'
)

select
    {{ indicator_row(
        "'household_review'", standard_code='figure.standard_code', household_code='figure.household_code'
    ) }}
from figure
